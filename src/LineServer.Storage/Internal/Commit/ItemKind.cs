namespace LineServer.Storage.Internal.Commit;

/// <summary>The kinds of <see cref="GroupItem"/>.</summary>
internal enum ItemKind
{
    Lines,
    Attach,
    Detach,
}
