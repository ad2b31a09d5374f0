namespace LineServer.Hosting.Internal;

/// <summary>
/// Marks a connection whose transport sends FIN when its output is completed, and goes on reading. Kestrel's sockets close both ways then.
/// </summary>
internal interface IHalfCloseFeature;
