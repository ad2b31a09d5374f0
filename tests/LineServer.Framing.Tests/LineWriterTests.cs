using System.Buffers;

namespace LineServer.Framing.Tests;

public class LineWriterTests
{
    [Theory]
    [InlineData("", (byte)'\n', "\n")]
    [InlineData("abc", (byte)'\n', "abc\n")]
    [InlineData("a\rb\0c", (byte)'\n', "a\rb\0c\n")]
    [InlineData("a\nb\r\n", (byte)0, "a\nb\r\n\0")]
    [InlineData("", (byte)0, "\0")]
    public void A_line_is_written_with_its_delimiter(string line, byte delimiter, string expected)
    {
        ArrayBufferWriter<byte> output = new();
        output.WriteLine(Bytes(line), delimiter);
        Assert.Equal(Bytes(expected), output.WrittenMemory.ToArray());
    }

    [Theory]
    [InlineData("\n", (byte)'\n')]
    [InlineData("a\nb", (byte)'\n')]
    [InlineData("ab\n", (byte)'\n')]
    [InlineData("a\0b", (byte)0)]
    public void A_line_that_holds_its_delimiter_is_refused_and_nothing_is_written(string line, byte delimiter)
    {
        ArrayBufferWriter<byte> output = new();
        ArgumentException e = Assert.Throws<ArgumentException>(nameof(line), () => output.WriteLine(Bytes(line), delimiter));
        Assert.Contains($"at byte {line.IndexOf((char)delimiter)} of {line.Length}", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void A_large_line_with_its_delimiter_at_the_end_is_refused_and_nothing_is_written()
    {
        byte[] line = new byte[100_000];
        line[^1] = (byte)'\n';
        SmallBuffers output = new(64);
        Assert.Throws<ArgumentException>(() => output.WriteLine(line));
        Assert.Empty(output.Written);
    }

    [Fact]
    public void A_line_of_any_size_goes_through_small_buffers()
    {
        foreach (int size in new[] { 0, 1, 62, 63, 64, 65, 1022, 1023, 1024, 1025, 5000, 100_000 })
        {
            foreach (int bufferSize in new[] { 1, 64, 1024, 4096 })
            {
                byte[] line = new byte[size];
                Array.Fill(line, (byte)'x');
                SmallBuffers output = new(bufferSize);
                output.WriteLine(line);
                output.WriteLine("y"u8);
                Assert.Equal([.. line, (byte)'\n', (byte)'y', (byte)'\n'], output.Written);
                Assert.InRange(output.LargestHint, 0, 1024);
            }
        }
    }

    [Fact]
    public void Without_an_output_it_throws() => Assert.Throws<ArgumentNullException>("output", () => LineWriter.WriteLine(null!, "a"u8));

    private static byte[] Bytes(string text) => System.Text.Encoding.Latin1.GetBytes(text);

    /// <summary>Gives buffers of one size, and larger ones only where they are asked for.</summary>
    private sealed class SmallBuffers(int size) : IBufferWriter<byte>
    {
        private byte[] _buffer = [];

        public List<byte> Written { get; } = [];

        public int LargestHint { get; private set; }

        public void Advance(int count)
        {
            Written.AddRange(_buffer.AsSpan(0, count));
            _buffer = [];
        }

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            LargestHint = Math.Max(LargestHint, sizeHint);
            return _buffer = new byte[Math.Max(size, sizeHint)];
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
