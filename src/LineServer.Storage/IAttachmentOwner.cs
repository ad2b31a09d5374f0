namespace LineServer.Storage;

/// <summary>Who has attached to a stream. The store calls it from threads of its own.</summary>
public interface IAttachmentOwner
{
    /// <summary><see cref="StreamAttachment.DurableCount"/> has risen, or <see cref="StreamAttachment.EndReason"/> was set.</summary>
    void OnChanged();
}
