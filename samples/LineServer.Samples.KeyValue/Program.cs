using LineServer.Hosting;
using LineServer.Samples.KeyValue;

// A key-value store in the manner of memcached: "set KEY BYTES" followed by that many bytes and a line end;
// "get KEY"; "quit".
//   dotnet run --project samples/LineServer.Samples.KeyValue
//   printf 'set greeting 5\r\nhello\r\nget greeting\r\n' | nc -N 127.0.0.1 7009
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Services.AddSingleton<Store>();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenLocalhost(
    7009, listen => listen.UseLines<KeyValueHandler>(options => options.Limits.MaxLineSize = 250)));
await builder.Build().RunAsync();
