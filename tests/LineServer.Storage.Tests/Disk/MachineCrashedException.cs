namespace LineServer.Storage.Tests.Disk;

/// <summary>The process or the machine has ended in the middle of a call.</summary>
#pragma warning disable CA1032, CA1064 // Only the simulated disk makes it.
internal sealed class MachineCrashedException : Exception;
#pragma warning restore CA1032, CA1064
