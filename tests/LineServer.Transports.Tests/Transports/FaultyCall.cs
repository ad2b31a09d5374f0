namespace LineServer.Transports.Tests.Transports;

/// <summary>The system calls that a plan may spoil by an exception.</summary>
internal enum FaultyCall
{
    Receive,
    Send,
    Accept,
}
