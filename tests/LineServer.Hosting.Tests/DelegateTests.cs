using LineServer.Hosting.Testing;

namespace LineServer.Hosting.Tests;

public class DelegateTests
{
    [Fact]
    public async Task A_delegate_answers_each_line()
    {
        await using var client = LineTestConnection.Connect(lines => lines.UseLines((line, reply) => reply.WriteLine(line)));
        await client.SendAsync("a\r\nb\n\nc");
        Assert.Equal("a\nb\n\n", client.ReadAvailable());
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
    }
}
