namespace LineServer.Storage.Tests;

/// <summary>Tests that run beside no other: a collection caused by another test changes what a thread has allocated.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
