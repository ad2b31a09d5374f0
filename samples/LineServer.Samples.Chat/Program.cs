using LineServer.Hosting;
using LineServer.Samples.Chat;

// A chat: a client's first line is its name; each further line goes to all other members.
//   dotnet run --project samples/LineServer.Samples.Chat
//   nc 127.0.0.1 7008
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Services.AddSingleton<ChatRoom>();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(7008, listen => listen.UseLines<ChatHandler>(options =>
{
    options.Limits.MaxLineSize = 1000;
    options.Limits.IdleTimeout = TimeSpan.FromMinutes(30);
})));
await builder.Build().RunAsync();
