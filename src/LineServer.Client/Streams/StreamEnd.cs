namespace LineServer.Client.Streams;

/// <summary>How a connection, or the attempt to open one, ended.</summary>
/// <param name="Kind">What to do now.</param>
/// <param name="Text">Why, for the user.</param>
/// <param name="RetryAfter">The time that the server asks for; null where it does not.</param>
internal sealed record StreamEnd(StreamEndKind Kind, string Text = "", TimeSpan? RetryAfter = null);
