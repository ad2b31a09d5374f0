namespace LineServer.Hosting;

/// <summary>What to do with a pushed line that does not fit into the connection's mailbox.</summary>
public enum MailboxFullBehavior
{
    /// <summary><see cref="LineConnection.TryPush"/> returns false; the connection stays open.</summary>
    Refuse,

    /// <summary><see cref="LineConnection.TryPush"/> returns false, and an orderly close begins.</summary>
    Close,
}
