using System.Text;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Transports differ: reads of one byte, segments of one byte, tiny buffers, memory without an array.
/// </summary>
public class WrapperTests
{
    private static readonly byte[] Payload = Encoding.UTF8.GetBytes(
        string.Concat(Enumerable.Range(0, 50).Select(i => new string((char)('a' + (i % 26)), i) + (i % 3 == 0 ? "\r\n" : "\n"))));

    private static readonly string Expected = Encoding.UTF8.GetString(Payload).Replace("\r", "", StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Shapes.All), MemberType = typeof(Shapes))]
    public async Task Lines_over_segments_of_one_byte_a_byte_at_a_time_into_buffers_of_five_bytes(Shape shape)
    {
        foreach ((int most, bool segmented, int buffer, bool unmanaged) in new[]
        {
            (1, false, 0, false), (int.MaxValue, true, 5, false), (3, true, 1, true), (int.MaxValue, false, 5, true), (int.MaxValue, false, 64, false),
        })
        {
            Server server = Server.With(
                shape.Handler((line, reply) => reply.WriteLine(line.Span)),
                shape.Options(),
                reader => new CountingReader(reader, most, segmented),
                writer => buffer == 0 ? writer : new CountingWriter(writer, buffer, unmanaged));
            await using LineTestConnection client = server.Connect();
            await client.SendAsync(Payload);
            client.HalfClose();
            Assert.Equal(Expected, await client.ReadToEndAsync().InTime());
        }
    }

    [Fact]
    public async Task A_handler_can_write_through_the_buffer_writer_of_any_transport()
    {
        foreach (bool unmanaged in new[] { false, true })
        {
            Server server = Server.With(
                (in line, reply) =>
                {
                    line.Span.CopyTo(reply.GetSpan(line.Length));
                    reply.Advance(line.Length);
                    reply.GetSpan()[0] = (byte)'\n';
                    reply.Advance(1);
                    reply.WriteLine("ä€"); // several bytes per character
                },
                null,
                null,
                writer => new CountingWriter(writer, 8, unmanaged));
            await using LineTestConnection client = server.Connect();
            await client.SendAsync("abc\ndefghi\n");
            Assert.Equal("abc\nä€\ndefghi\nä€\n", client.ReadAvailable());
        }
    }
}
