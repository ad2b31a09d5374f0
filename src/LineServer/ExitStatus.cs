namespace LineServer;

/// <summary>The exit status of the process.</summary>
internal sealed class ExitStatus
{
    /// <summary>Success.</summary>
    public const int Success = 0;

    /// <summary>The server failed while it ran, or could not listen.</summary>
    public const int Failure = 1;

    /// <summary>A bad option.</summary>
    public const int Usage = 2;

    /// <summary>For `store cat`: the line that was asked for is no longer kept.</summary>
    public const int NotKept = 3;

    /// <summary>A bad configuration: EX_CONFIG of sysexits(3).</summary>
    public const int Configuration = 78;

    private int _value = Success;

    public int Value => Volatile.Read(ref _value);

    public void Fail() => Volatile.Write(ref _value, Failure);
}
