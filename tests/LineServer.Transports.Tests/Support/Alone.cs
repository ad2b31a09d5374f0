namespace LineServer.Transports.Tests.Support;

/// <summary>Tests that run when no other does: they count what belongs to the whole process.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
