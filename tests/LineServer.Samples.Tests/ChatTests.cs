using LineServer.Hosting;
using LineServer.Hosting.Testing;
using LineServer.Samples.Chat;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Samples.Tests;

public class ChatTests
{
    private readonly ConnectionDelegate _room = LineTestConnection.Build(
        lines => lines.UseLines<ChatHandler>(),
        new ServiceCollection().AddSingleton<ChatRoom>().BuildServiceProvider());

    [Fact]
    public async Task What_one_says_the_others_hear()
    {
        await using LineTestConnection ann = await EnterAsync("Ann");
        await using LineTestConnection bob = await EnterAsync("Bob");
        Assert.Equal("* Bob is here\n", ann.ReadAvailable());
        await bob.SendAsync("hello\nall\n");
        Assert.Equal("Bob: hello\nBob: all\n", ann.ReadAvailable());
        Assert.Equal("", bob.ReadAvailable());
        await ann.SendAsync("hi\n");
        Assert.Equal("Ann: hi\n", bob.ReadAvailable());
    }

    [Fact]
    public async Task A_name_is_given_once_and_is_free_again_afterwards()
    {
        await using LineTestConnection ann = await EnterAsync("Ann");
        LineTestConnection other = LineTestConnection.Connect(_room);
        await other.SendAsync("ann\nBob\n");
        Assert.Equal("Who are you?\nTake another name, of 1 to 20 characters.\nWelcome, Bob.\n", other.ReadAvailable());
        other.HalfClose();
        await other.DisposeAsync();
        Assert.Equal("* Bob is here\n* Bob has left\n", ann.ReadAvailable());
        await using LineTestConnection again = await EnterAsync("Bob");
    }

    [Fact]
    public async Task A_stopping_server_says_goodbye()
    {
        await using LineTestConnection ann = await EnterAsync("Ann");
        ann.Drain();
        Assert.Equal("* Goodbye (Drain).\n", ann.ReadAvailable());
    }

    private async Task<LineTestConnection> EnterAsync(string name)
    {
        LineTestConnection client = LineTestConnection.Connect(_room);
        await client.SendAsync($"{name}\n");
        Assert.Equal($"Who are you?\nWelcome, {name}.\n", client.ReadAvailable());
        return client;
    }
}
