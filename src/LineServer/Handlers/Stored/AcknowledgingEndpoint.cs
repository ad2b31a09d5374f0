using LineServer.Storage;

namespace LineServer.Handlers.Stored;

/// <summary>What the connections of an LS1 endpoint have in common.</summary>
/// <param name="Repeater">Who repeats acknowledgements.</param>
/// <param name="Store">Where lines are kept.</param>
/// <param name="Tokens">Who may use which streams.</param>
/// <param name="MaxLineSize">The most bytes of a line, without its LF.</param>
/// <param name="Log">Where refused openings are told.</param>
internal sealed record AcknowledgingEndpoint(AcknowledgementRepeater Repeater, ILineStore Store, TokenCheck Tokens, int MaxLineSize, OpeningLog Log);
