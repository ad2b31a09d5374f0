using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using LineServer.Linux;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;
using Microsoft.Extensions.Configuration.Memory;

namespace LineServer.Configuration;

/// <summary>
/// The sources in .NET's usual order: a JSON file, then the environment
/// (<c>LINESERVER__Limits__MaxLineSize</c>), then the command line (<c>--set Limits:MaxLineSize=1000</c>).
/// Remembers which source sets each key.
/// </summary>
internal sealed class ConfigurationSources
{
    public const string Section = "LineServer";

    // Far larger than any configuration, but a limit: the path may be /dev/zero.
    private const int LargestFile = 1 << 20;

    private readonly string? _file;
    private readonly JsonKeyLines? _lines;

    /// <exception cref="InvalidConfigurationException">
    /// The file cannot be read, or is not valid JSON.
    /// </exception>
    public ConfigurationSources(string? file, IEnumerable<KeyValuePair<string, string?>> commandLine)
    {
        _file = file;
        var builder = new ConfigurationBuilder();
        if (file is not null)
        {
            byte[] json = Read(file);
            _lines = new JsonKeyLines(json);
            if (_lines.FirstUnreadable is { } unreadable)
            {
                throw Invalid($"{file}:{unreadable}", "a string holds half of a surrogate pair, which is no character");
            }

            if (_lines.FirstTwice is (string key, int line))
            {
                throw Invalid($"{file}:{line}: {key}", "duplicate key (keys are case-insensitive)");
            }

            builder.AddJsonStream(new MemoryStream(json));
        }

        builder.AddEnvironmentVariables();
        builder.AddInMemoryCollection(commandLine.Select(pair => KeyValuePair.Create($"{Section}:{pair.Key}", pair.Value)));
        try
        {
            Root = builder.Build();
        }
        catch (FormatException e)
        {
            throw Invalid(file!, e.Message);
        }
    }

    public IConfigurationRoot Root { get; }

    /// <summary>The file's name as given; null if there is none.</summary>
    public string? File => _file;

    /// <summary>
    /// The file's top-level sections other than ours and .NET's <c>Logging</c>. Only the file is checked: the
    /// environment contains variables of other programs.
    /// </summary>
    public IEnumerable<ConfigurationError> ForeignSections()
    {
        IConfigurationProvider? provider = Root.Providers.FirstOrDefault(provider => provider is JsonStreamConfigurationProvider);
        foreach (string section in provider?.GetChildKeys([], null).Distinct(StringComparer.OrdinalIgnoreCase) ?? [])
        {
            if (!section.Equals(Section, StringComparison.OrdinalIgnoreCase) && !section.Equals("Logging", StringComparison.OrdinalIgnoreCase))
            {
                yield return new ConfigurationError(InFile(section), section, $"unknown key; {(Spelling.Nearest(section, [Section, "Logging"]) is { } meant ? $"did you mean '{meant}'?" : $"everything stands under '{Section}' (or .NET's 'Logging')")}");
            }
        }
    }

    /// <summary>
    /// Where a key is set: a place in the file, a variable, or an option. The last source wins, as in .NET.
    /// </summary>
    public string? WhereIs(string key)
    {
        // A value ranks before a key below it: if both are set, the value is the error.
        IConfigurationProvider? provider = Root.Providers.LastOrDefault(provider => provider.TryGet(key, out string? value) && !string.IsNullOrEmpty(value))
            ?? Root.Providers.LastOrDefault(provider => provider.TryGet(key, out _) || provider.GetChildKeys([], key).Any());
        return provider switch
        {
            JsonStreamConfigurationProvider => InFile(key),
            EnvironmentVariablesConfigurationProvider => $"environment variable {Variable(key)}",
            MemoryConfigurationProvider => "command line",
            _ => null,
        };
    }

    /// <summary>Where endpoints are set; null if nowhere.</summary>
    public string? WhereAreEndpoints()
    {
        const string Endpoints = $"{Section}:Endpoints";
        return Root.GetSection(Endpoints).GetChildren().Any() ? WhereIs(Endpoints) : null;
    }

    // As spelled in the environment: .NET ignores case, but the shell does not.
    private static string Variable(string key)
    {
        string name = key.Replace(":", "__", StringComparison.Ordinal);
        return Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .OrderBy(variable => variable.Length)
            .FirstOrDefault(variable => variable.Replace(":", "__", StringComparison.Ordinal).StartsWith(name, StringComparison.OrdinalIgnoreCase)) ?? name;
    }

    private string InFile(string key) => $"{_file}:{_lines!.Find(key)}";

    private static byte[] Read(string file)
    {
        try
        {
            byte[] json = ReadBounded(file);
            ReadOnlyMemory<byte> text = json.AsSpan().StartsWith(Bom) ? json.AsMemory(Bom.Length) : json;
            if (!Utf8.IsValid(text.Span))
            {
                throw Invalid($"{file}:{LineOfInvalid(text.Span)}", "no valid UTF-8");
            }

            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Invalid(file, "the file holds no JSON object");
            }

            return text.ToArray();
        }
        catch (JsonException e)
        {
            throw Invalid($"{file}:{e.LineNumber + 1}", $"no valid JSON: {e.Message.Split(" LineNumber:")[0]}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Invalid(file, $"the file cannot be read: {Problem(e)}");
        }
    }

    private static byte[] ReadBounded(string file)
    {
        using FileStream stream = System.IO.File.OpenRead(file);
        byte[] bytes = new byte[LargestFile + 1];
        int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= LargestFile ? bytes[..length] : throw Invalid(file, $"the file is larger than {LargestFile} bytes");
    }

    private static int LineOfInvalid(ReadOnlySpan<byte> text)
    {
        int valid = 0;
        while (Rune.DecodeFromUtf8(text[valid..], out _, out int length) == OperationStatus.Done)
        {
            valid += length;
        }

        return text[..valid].Count((byte)'\n') + 1;
    }

    private static ReadOnlySpan<byte> Bom => [0xEF, 0xBB, 0xBF];

    private static string Problem(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException or ArgumentException => "it does not exist",
        UnauthorizedAccessException => "permission denied, or it is a directory",
        _ => e.Message,
    };

    private static InvalidConfigurationException Invalid(string where, string problem) => new([new ConfigurationError(where, null, problem)]);
}
