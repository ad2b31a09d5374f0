using System.Text;
using LineServer.Hosting;
using LineServer.Hosting.Testing;
using LineServer.Samples.KeyValue;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Samples.Tests;

public class KeyValueTests
{
    private static readonly byte[] Conversation =
        Encoding.ASCII.GetBytes("set a 5\r\nhello\r\nget a\r\nset b 4\r\n\r\n\r\n\r\nget b\r\nget c\r\nset d 0\r\n\r\nget d\r\nwhat\r\n");

    private const string Replies =
        "STORED\r\nVALUE 5\r\nhello\r\nSTORED\r\nVALUE 4\r\n\r\n\r\n\r\nNONE\r\nSTORED\r\nVALUE 0\r\n\r\nERROR expected \"get KEY\", \"set KEY BYTES\" or \"quit\"\r\n";

    [Fact]
    public async Task A_value_may_hold_line_ends_wherever_the_stream_is_cut()
    {
        for (int cut = 0; cut <= Conversation.Length; cut++)
        {
            await using LineTestConnection client = Connect();
            await client.SendAsync(Conversation.AsMemory(0, cut));
            await client.SendAsync(Conversation.AsMemory(cut));
            client.HalfClose();
            Assert.Equal(Replies, await client.ReadToEndAsync());
        }
    }

    [Fact]
    public async Task A_value_longer_than_its_size_ends_the_connection()
    {
        await using LineTestConnection client = Connect();
        await client.SendAsync("set a 1\r\nab\r\nget a\r\n");
        Assert.Equal("ERROR the value is longer than its size\r\n", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Quit_ends_the_connection_in_order()
    {
        await using LineTestConnection client = Connect();
        await client.SendAsync("get a\r\nquit\r\nget a\r\n");
        Assert.Equal("NONE\r\n", await client.ReadToEndAsync());
    }

    private static LineTestConnection Connect() => LineTestConnection.Connect(
        lines => lines.UseLines<KeyValueHandler>(),
        new ServiceCollection().AddSingleton<Store>().BuildServiceProvider());
}
