using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LineServer.Configuration;

/// <summary>Prints the effective configuration in the form in which it is read.</summary>
internal static class SettingsPrinter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Print(ServerSettings settings)
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
            if (endpoint.Prefix.Length > 0)
            {
                json["Prefix"] = endpoint.Prefix;
            }

            if (endpoint.Raw)
            {
                json["Raw"] = true;
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
            ["Endpoints"] = endpoints,
        };
        return new JsonObject { [ConfigurationSources.Section] = server }.ToJsonString(Indented);
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
