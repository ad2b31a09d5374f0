using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>
/// Mutates streams of the corpus. A bounded number of times; with LINESERVER_FUZZ_SECONDS for as long. Each round has a seed of its own, and
/// a failure prints it: LINESERVER_FUZZ_SEED begins with that round.
/// </summary>
public class FuzzTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void Mutated_streams_are_read_as_the_reference_reads_them()
    {
        double? seconds = double.TryParse(Environment.GetEnvironmentVariable("LINESERVER_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out double s) ? s : null;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("LINESERVER_FUZZ_SEED"), CultureInfo.InvariantCulture, out int given)
            ? given
            : Random.Shared.Next();
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; seconds is null ? round < Rounds : Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; round++, seed++)
        {
            try
            {
                PlayRound(new Random(seed));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"LINESERVER_FUZZ_SEED={seed} finds:\n{e.Message}", e);
            }
        }
    }

    private static void PlayRound(Random random)
    {
        byte[] stream = Encoding.Latin1.GetBytes(SomeStream(random));
        for (int mutations = random.Next(8); mutations > 0; mutations--)
        {
            stream = Mutate(stream, random);
        }

        FramingMode mode = (FramingMode)random.Next(3);
        LineFormat format = new()
        {
            Mode = mode,
            MaxLineSize = random.Next(3) == 0 ? 1 + random.Next(8) : 1 + random.Next(200),
            OversizeLineBehavior = (OversizeLineBehavior)random.Next(3),
            IncompleteLineBehavior = (IncompleteLineBehavior)random.Next(2),
            Delimiter = mode == FramingMode.Lines && random.Next(4) == 0 ? (byte)random.Next(256) : LineFormat.LineFeed,
        };
        new StreamPlayer(stream, format).Play(RandomDelivery.Of(random, stream.Length));
    }

    private static string SomeStream(Random random) => random.Next(20) switch
    {
        0 => Corpus.Huge[random.Next(Corpus.Huge.Length)].Stream,
        < 8 => Corpus.Large[random.Next(Corpus.Large.Length)].Stream,
        _ => Corpus.Small[random.Next(Corpus.Small.Length)],
    };

    private static byte[] Mutate(byte[] stream, Random random)
    {
        int at = random.Next(stream.Length + 1);
        int to = at + random.Next(Math.Min(stream.Length - at, 200) + 1);
        byte[] some = [(byte)'\n', (byte)'\r', 0, (byte)'a', (byte)' ', (byte)random.Next('0', '9' + 1), (byte)random.Next(256)];
        return random.Next(6) switch
        {
            0 => [.. stream[..at], .. stream[to..]],
            1 => [.. stream[..to], .. stream[at..]],
            2 => [.. stream[..at], .. Enumerable.Repeat(some[random.Next(some.Length)], random.Next(150)), .. stream[at..]],
            3 => [.. stream[..at], .. "\r\n"u8, .. stream[to..]],
            4 => [.. stream[..at], .. Encoding.Latin1.GetBytes($"{to - at} "), .. stream[at..]],
            _ => [.. stream[..at], some[random.Next(some.Length)], .. stream[at..]],
        };
    }
}
