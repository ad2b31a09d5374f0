namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// Tests that run when no other does: counting allocates while another test listens to the metrics, and a stress that gets no thread
/// stresses nothing.
/// </summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
