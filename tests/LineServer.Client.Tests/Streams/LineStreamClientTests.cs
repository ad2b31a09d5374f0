using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

public sealed class LineStreamClientTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_attaches_sends_and_receives_the_acknowledgments()
    {
        await using AckServer server = AckServer.Start();
        server.Set("zero\n");
        using LineStreamClient client = await LineStreamClient.AttachAsync(await ConnectAsync(server), "s", "t0ken", Cancelled);
        Assert.Equal((1, "7b21c0de9a4410f3"), (client.Status.Count, client.Status.StoreId));
        Assert.Equal(["LS1 s token=t0ken"], server.Openings);

        await client.SendAsync("one\ntwo\n"u8.ToArray(), Cancelled);
        client.CompleteSending();

        var replies = new List<StreamReply>();
        while (await client.ReceiveAsync(Cancelled) is StreamReply reply)
        {
            replies.Add(reply);
        }

        Assert.Equal((StreamReplyKind.Ended, 3), (replies[^1].Kind, replies[^1].Count));
        Assert.Equal("zero\none\ntwo\n", server.Text);
    }

    [Fact]
    public async Task A_refusal_is_an_exception_with_the_servers_line()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OpeningAsync();
            await connection.SendAsync("ERR 503 busy retry=3\n");
        });
        using LineClient connection = await ConnectAsync(server);

        LineStreamException e = await Assert.ThrowsAsync<LineStreamException>(() => LineStreamClient.AttachAsync(connection, "s", null, Cancelled));

        Assert.Equal("the server says: 503 busy retry=3", e.Message);
        Assert.Equal((503, false, TimeSpan.FromSeconds(3)), (e.Reply.Code, e.Reply.IsFinal, e.Reply.RetryAfter));
    }

    [Fact]
    public async Task A_server_that_closes_without_an_answer_is_an_IOException()
    {
        await using AckServer server = AckServer.Start(connection => connection.OpeningAsync());
        using LineClient connection = await ConnectAsync(server);
        await Assert.ThrowsAsync<IOException>(() => LineStreamClient.AttachAsync(connection, "s", null, Cancelled));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("-a", null)]
    [InlineData("a b", null)]
    [InlineData("a\n", null)]
    [InlineData("é", null)]
    [InlineData("01234567890123456789012345678901234567890123456789012345678901234", null)]
    [InlineData("a", "")]
    [InlineData("a", "x y")]
    [InlineData("a", "x\n")]
    public async Task A_name_or_token_that_the_protocol_has_not_is_never_sent(string stream, string? token)
    {
        await using AckServer server = AckServer.Start(connection => connection.DiscardAsync());
        using LineClient connection = await ConnectAsync(server);
        await Assert.ThrowsAsync<ArgumentException>(() => LineStreamClient.AttachAsync(connection, stream, token, Cancelled));
    }

    private static Task<LineClient> ConnectAsync(AckServer server) => LineClient.ConnectAsync(ServerAddress.Parse(server.Address), Cancelled);
}
