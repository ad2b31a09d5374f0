namespace LineServer.Hosting;

/// <summary>What becomes of a push that the connection's mailbox has no room for.</summary>
public enum MailboxFullBehavior
{
    /// <summary><see cref="LineConnection.TryPush"/> returns false; the connection goes on.</summary>
    Refuse,

    /// <summary><see cref="LineConnection.TryPush"/> returns false, and the connection is closed in order.</summary>
    Close,
}
