using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LineServer.Handlers;
using LineServer.Storage.PostgreSql;
using Microsoft.Extensions.Configuration;

namespace LineServer.Configuration;

/// <summary>Prints the effective configuration in the form in which it is read.</summary>
internal static class SettingsPrinter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="settings">The effective settings.</param>
    /// <param name="logging">The section of .NET's log levels, known to be right.</param>
    public static string Print(ServerSettings settings, IConfigurationSection logging)
    {
        var endpoints = new JsonObject();
        foreach (EndpointSettings endpoint in settings.Endpoints)
        {
            JsonObject framing = Values(endpoint.Framing, []);
            framing[nameof(FramingSettings.OversizeLineBehavior)] = endpoint.OversizeLineBehavior.ToString();
            var json = new JsonObject
            {
                ["Address"] = endpoint.Address.ToString(),
                ["Handler"] = endpoint.Handler,
                ["Limits"] = Values(endpoint.Limits, ServerLimits.ServerOnly),
                ["Framing"] = framing,
            };
            string[] options = BuiltInHandler.Find(endpoint.Handler)!.Options;
            if (options.Contains(nameof(endpoint.Prefix), StringComparer.Ordinal))
            {
                json[nameof(endpoint.Prefix)] = endpoint.Prefix;
            }

            if (options.Contains(nameof(endpoint.Raw), StringComparer.Ordinal))
            {
                json[nameof(endpoint.Raw)] = endpoint.Raw;
            }

            if (endpoint.Store is not null)
            {
                json["Store"] = endpoint.Store;
            }

            if (endpoint.Stream is not null)
            {
                json["Stream"] = endpoint.Stream;
            }

            if (options.Contains("Acknowledge", StringComparer.Ordinal))
            {
                json["Acknowledge"] = endpoint.IsAcknowledged;
            }

            if (endpoint.IsAcknowledged)
            {
                // The protocol decides them.
                framing.Clear();
            }

            if (endpoint.Tokens.Count > 0)
            {
                // What is printed goes into tickets and logs.
                json["Tokens"] = new JsonArray([.. endpoint.Tokens.Select(token => new JsonObject { ["Secret"] = "(hidden)", ["Streams"] = token.Streams })]);
            }

            if (endpoint.UnixSocketMode is { } mode)
            {
                json["UnixSocketMode"] = $"0{Convert.ToString((int)mode, 8).PadLeft(3, '0')}";
            }

            if (endpoint.UnixSocketGroup is { } group)
            {
                json["UnixSocketGroup"] = group.ToString(CultureInfo.InvariantCulture);
            }

            endpoints[endpoint.Name] = json;
        }

        var server = new JsonObject
        {
            ["Transport"] = settings.Transport,
            ["Sockets"] = Values(settings.Sockets, []),
            ["Epoll"] = Values(settings.Epoll, []),
            ["Limits"] = Values(settings.Limits, []),
            ["Stores"] = new JsonObject(settings.Stores.Select(store => KeyValuePair.Create(store.Name, (JsonNode?)PrintStore(store)))),
            ["Endpoints"] = endpoints,
        };
        return new JsonObject { [ConfigurationSources.Section] = server, ["Logging"] = Levels(logging) }.ToJsonString(Indented);
    }

    private static JsonObject PrintStore(StoreSettings store)
    {
        // Only what such a store has, and no password.
        JsonObject json = store.IsInPostgreSql
            ? Values(store, [nameof(store.Directory), nameof(store.MaxStreams), nameof(store.SegmentSize), nameof(store.Compress)])
            : Values(store, [nameof(store.ConnectionString), nameof(store.Schema)]);
        if (store.IsInPostgreSql)
        {
            json[nameof(store.ConnectionString)] = PostgreSqlStore.HidePassword(store.ConnectionString);
        }

        json["Retention"] = Values(store.Retention, []);
        return json;
    }

    private static JsonObject Levels(IConfigurationSection logging)
    {
        JsonObject json = Section(logging);
        if (logging["LogLevel:Default"] is null)
        {
            // The level without any configuration.
            (string name, JsonObject levels) = json.FirstOrDefault(child => child.Key.Equals("LogLevel", StringComparison.OrdinalIgnoreCase)) is { Value: JsonObject known } child ? (child.Key, known) : ("LogLevel", []);
            levels["Default"] = "Information";
            json[name] = levels;
        }

        return json;
    }

    private static JsonObject Section(IConfigurationSection section)
    {
        var json = new JsonObject();
        foreach (IConfigurationSection child in section.GetChildren())
        {
            json[child.Key] = child.GetChildren().Any() ? Section(child) : JsonValue.Create(child.Value);
        }

        return json;
    }

    private static JsonObject Values(object source, string[] except)
    {
        var json = new JsonObject();
        foreach (PropertyInfo property in source.GetType().GetProperties().Where(property => property.CanWrite && !except.Contains(property.Name, StringComparer.Ordinal)))
        {
            json[property.Name] = property.GetValue(source) switch
            {
                null => null,
                long number => JsonValue.Create(number),
                int number => JsonValue.Create(number),
                bool flag => JsonValue.Create(flag),
                var value => JsonValue.Create(value.ToString()),
            };
        }

        return json;
    }
}
