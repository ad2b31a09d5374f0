using LineServer.Configuration;
using LineServer.Framing;
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
/// <param name="Create">Creates the handler of a connection.</param>
internal sealed record BuiltInHandler(
    string Name,
    string Summary,
    string[] Options,
    OversizeLineBehavior OversizeLineBehavior,
    Func<IServiceProvider, EndpointSettings, LineHandlerBase> Create)
{
    /// <summary>All built-in handlers; the first is the default.</summary>
    public static IReadOnlyList<BuiltInHandler> All { get; } =
    [
        new(
            "echo",
            "sends each line back, byte for byte, and a counted message with LF; Prefix puts text before it",
            ["Prefix"],
            OversizeLineBehavior.Close,
            (_, endpoint) => new EchoHandler(endpoint.Prefix)),
        new("discard", "counts lines and drops them", [], OversizeLineBehavior.Truncate, (_, _) => new DiscardHandler()),
        new(
            "print",
            "writes each line to standard output, labelled with its connection; escaped, unless Raw",
            ["Raw"],
            OversizeLineBehavior.Truncate,
            (services, endpoint) => new PrintHandler(services.GetRequiredService<PrintQueue>(), endpoint.Raw)),
        new(
            "delay",
            "answers \"<milliseconds> <text>\" with <text> after that time, unless the text holds LF",
            [],
            OversizeLineBehavior.Close,
            (services, _) => new DelayHandler(services.GetRequiredService<TimeProvider>())),
    ];

    public static BuiltInHandler? Find(string name) =>
        All.FirstOrDefault(handler => handler.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
