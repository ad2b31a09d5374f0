namespace LineServer.Client.Streams;

/// <summary>The run cannot go on, and trying again would not help. The message is for the user.</summary>
internal sealed class StreamProblemException(string message) : Exception(message);
