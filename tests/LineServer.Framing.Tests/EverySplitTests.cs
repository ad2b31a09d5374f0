using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>The verdict on a stream never depends on how it was cut, nor on how its lines are taken.</summary>
public class EverySplitTests
{
    private static readonly Way[] Ways = Enum.GetValues<Way>();

    [Fact]
    public void Small_streams_whole_and_cut_in_two()
    {
        foreach (string stream in Corpus.Small)
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit: 4))
            {
                for (int split = 0; split <= stream.Length; split++)
                {
                    foreach (Way way in Ways)
                    {
                        player.Play(new Delivery { Way = way, Cuts = [split] });
                        player.Play(new Delivery { Way = way, Reads = [split] });
                        player.Play(new Delivery { Way = way, Reads = [split], Cuts = [split], EndComesApart = true });
                    }
                }
            }
        }
    }

    [Fact]
    public void Small_streams_cut_in_three()
    {
        foreach (string stream in Corpus.Small)
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit: 4))
            {
                for (int first = 0; first <= stream.Length; first++)
                {
                    for (int second = first; second <= stream.Length; second++)
                    {
                        Way way = Ways[(first + second) % Ways.Length];
                        player.Play(new Delivery { Way = way, Cuts = [first, second] });
                        player.Play(new Delivery { Way = way, Reads = [first, second], EndComesApart = true });
                        player.Play(new Delivery { Way = way, Reads = [first], Cuts = [second] });
                        player.Play(new Delivery { Way = way, Reads = [second], Cuts = [first] });
                    }
                }
            }
        }
    }

    [Fact]
    public void Small_streams_byte_by_byte_and_in_segments_of_one_byte()
    {
        foreach (string stream in Corpus.Small)
        {
            foreach (int limit in new[] { 1, 4, 65536 })
            {
                foreach (StreamPlayer player in Corpus.Players(stream, limit))
                {
                    ByteByByte(player, stream.Length);
                }
            }
        }
    }

    [Fact]
    public void Small_streams_with_empty_segments()
    {
        foreach (string stream in Corpus.Small)
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit: 4))
            {
                foreach (Way way in Ways)
                {
                    int[] twice = [.. Enumerable.Range(0, stream.Length + 1).SelectMany(i => new[] { i, i })];
                    player.Play(new Delivery { Way = way, Cuts = twice });
                    player.Play(new Delivery { Way = way, Cuts = twice, Reads = [.. twice] });
                    player.Play(new Delivery { Way = way, Cuts = [0, 0, stream.Length, stream.Length] });
                }
            }
        }
    }

    [Fact]
    public void Small_streams_left_after_any_number_of_lines()
    {
        foreach (string stream in Corpus.Small)
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit: 4))
            {
                for (int split = 0; split <= stream.Length; split++)
                {
                    foreach (Way way in Ways)
                    {
                        for (int batch = 1; batch <= 3; batch++)
                        {
                            Delivery delivery = new() { Way = way, Batch = batch, Reads = [split] };
                            player.Play(delivery);
                            player.Play(delivery with { EndsReadEarly = true });
                            player.Play(delivery with { EndsReadEarly = true, Cuts = [split / 2, split], EndComesApart = true });
                        }
                    }
                }
            }
        }
    }

    [Fact]
    public void Large_streams_cut_in_two()
    {
        foreach ((string stream, int limit) in Corpus.Large)
        {
            int turn = 0;
            foreach (StreamPlayer player in Corpus.Players(stream, limit))
            {
                turn++;
                for (int split = 0; split <= stream.Length; split++)
                {
                    Way way = Ways[(split + turn) % Ways.Length];
                    player.Play((split + (turn / 2)) % 2 == 0
                        ? new Delivery { Way = way, Reads = [split] }
                        : new Delivery { Way = way, Cuts = [split], Batch = 1 + (split % 7), EndsReadEarly = split % 3 == 0 });
                }
            }
        }
    }

    [Fact]
    public void Large_streams_byte_by_byte_and_in_segments_of_one_byte()
    {
        foreach ((string stream, int limit) in Corpus.Large)
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit).Take(5))
            {
                ByteByByte(player, stream.Length);
            }
        }
    }

    [Fact]
    public void Large_and_huge_streams_in_pieces_of_random_size()
    {
        const int Seed = 20261120;
        Random random = new(Seed);
        foreach ((string stream, int limit) in Corpus.Large.Concat(Corpus.Huge))
        {
            foreach (StreamPlayer player in Corpus.Players(stream, limit))
            {
                for (int round = 0; round < 12; round++)
                {
                    player.Play(RandomDelivery.Of(random, stream.Length));
                }
            }
        }
    }

    [Fact]
    public void Huge_streams_left_and_taken_up_again_at_every_line()
    {
        foreach ((string stream, int limit) in Corpus.Huge)
        {
            StreamPlayer player = Corpus.Players(stream, limit).First(player => player.Format.OversizeLineBehavior == OversizeLineBehavior.Truncate);
            foreach (Way way in Ways)
            {
                player.Play(new Delivery { Way = way, Batch = 1 });
                player.Play(new Delivery { Way = way, Batch = 100, EndsReadEarly = true });
                player.Play(new Delivery { Way = way, Batch = 300, EndsReadEarly = true, Cuts = [stream.Length / 2] });
            }
        }
    }

    /// <summary>The bit that stands for a byte in the mask of a block is that byte's, at every place, in every length.</summary>
    [Fact]
    public void A_delimiter_is_found_at_every_place_of_every_length()
    {
        LineFormat format = new() { IncompleteLineBehavior = IncompleteLineBehavior.Deliver };
        for (int length = 1; length <= 200; length++)
        {
            for (int at = 0; at < length; at++)
            {
                // 0x0B and 0x8A differ from LF in one bit: what only looks like a delimiter is none.
                byte[] stream = Encoding.Latin1.GetBytes(new string(at % 2 == 0 ? '\x0B' : '\x8A', length));
                stream[at] = (byte)'\n';
                new StreamPlayer(stream, format).Play(new Delivery { Way = Ways[at % Ways.Length] });
            }
        }
    }

    private static void ByteByByte(StreamPlayer player, int length)
    {
        int[] all = [.. Enumerable.Range(0, length)];
        foreach (Way way in Ways)
        {
            player.Play(new Delivery { Way = way, Reads = all });
            player.Play(new Delivery { Way = way, Cuts = all });
            player.Play(new Delivery { Way = way, Reads = all, Cuts = all, EndComesApart = true });
            player.Play(new Delivery { Way = way, Reads = all, Batch = 2, EndsReadEarly = true });
        }
    }
}
