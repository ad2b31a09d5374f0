namespace LineServer.Configuration;

/// <summary>What an endpoint listens on.</summary>
internal enum AddressKind
{
    /// <summary><c>tcp://HOST:PORT</c></summary>
    Tcp,

    /// <summary><c>unix:PATH</c></summary>
    Unix,

    /// <summary>
    /// <c>systemd:NAME</c>: a socket that systemd has bound, by its name in <c>LISTEN_FDNAMES</c>.
    /// </summary>
    Systemd,
}
