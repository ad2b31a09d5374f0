namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// Tests that must not run in parallel with others: counting allocations while another test listens to the
/// metrics, or a stress test that gets no thread.
/// </summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
