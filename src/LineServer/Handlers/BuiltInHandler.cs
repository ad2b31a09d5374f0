using LineServer.Configuration;
using LineServer.Framing;
using LineServer.Handlers.Stored;
using LineServer.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Handlers;

/// <summary>A handler built into the daemon.</summary>
/// <param name="Name">Its name in the configuration.</param>
/// <param name="Summary">What it does, in one line.</param>
/// <param name="Options">The keys of an endpoint that configure it.</param>
/// <param name="OversizeLineBehavior">
/// Its default: a handler that only stores lines can use part of one; a handler that answers cannot.
/// </param>
/// <param name="Prepare">Prepares an endpoint: returns what creates the handler of a connection.</param>
internal sealed record BuiltInHandler(
    string Name,
    string Summary,
    string[] Options,
    OversizeLineBehavior OversizeLineBehavior,
    Func<IServiceProvider, EndpointSettings, Func<LineHandlerBase>> Prepare)
{
    /// <summary>True if an endpoint with it names a store.</summary>
    public bool NeedsStore { get; init; }

    /// <summary>All built-in handlers; the first is the default.</summary>
    public static IReadOnlyList<BuiltInHandler> All { get; } =
    [
        new(
            "echo",
            "sends each line back, byte for byte, and a counted message with LF; Prefix puts text before it",
            ["Prefix"],
            OversizeLineBehavior.Close,
            (_, endpoint) => () => new EchoHandler(endpoint.Prefix)),
        new("discard", "counts lines and drops them", [], OversizeLineBehavior.Truncate, (_, _) => () => new DiscardHandler()),
        new(
            "print",
            "writes each line to standard output, labelled with its connection; escaped, unless Raw",
            ["Raw"],
            OversizeLineBehavior.Truncate,
            (services, endpoint) =>
            {
                PrintQueue queue = services.GetRequiredService<PrintQueue>();
                return () => new PrintHandler(queue, endpoint.Raw);
            }),
        new(
            "delay",
            "answers \"<milliseconds> <text>\" with <text> after that time, unless the text holds LF",
            [],
            OversizeLineBehavior.Close,
            (services, _) =>
            {
                TimeProvider time = services.GetRequiredService<TimeProvider>();
                return () => new DelayHandler(time);
            }),
        new(
            "append",
            "stores each line; with Acknowledge, clients speak LS1 and know what is stored",
            ["Store", "Stream", "Acknowledge", "Tokens"],
            OversizeLineBehavior.Truncate,
            StoredHandlers.PrepareAppend) { NeedsStore = true },
        new(
            "read",
            "sends stored lines to clients that speak LR1",
            ["Store", "Tokens"],
            OversizeLineBehavior.Close,
            StoredHandlers.PrepareRead) { NeedsStore = true },
    ];

    public static BuiltInHandler? Find(string name) =>
        All.FirstOrDefault(handler => handler.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
