using System.CommandLine;
using LineServer.Storage;
using LineServer.Storage.PostgreSql;
using Npgsql;

namespace LineServer;

/// <summary><c>lineserver engine</c>: makes the tables of a store in PostgreSQL, and looks whether it keeps what is promised.</summary>
internal sealed class EngineCommands(Action<string> report)
{
    private readonly Argument<string> _connection = new("CONNECTION")
    {
        Description = "Npgsql's connection string: 'Host=a,b;Database=lines;Username=lineserver'. A password is better in PGPASSWORD, or in a Passfile.",
    };

    private readonly Option<string> _schema = new("--schema")
    {
        Description = "The schema of the tables.",
        HelpName = "NAME",
        DefaultValueFactory = _ => EngineSchema.DefaultName,
    };

    private readonly Option<bool> _synced = new("--synced")
    {
        Description = "One server is enough: do not ask for synchronous standbys (Durability Synced).",
    };

    public Command Build()
    {
        _schema.Validators.Add(result =>
        {
            if (result.Tokens is [var name, ..] && !EngineSchema.IsName(name.Value))
            {
                result.AddError($"--schema: '{name.Value}' is no name: lower-case letters, digits and _, at most 48, not first a digit.");
            }
        });
        _connection.Validators.Add(result =>
        {
            if (result.Tokens is [var connection, ..] && PostgreSqlStore.FindProblem(connection.Value) is { } problem)
            {
                result.AddError($"CONNECTION: {problem}");
            }
        });
        var init = new Command("init", "Makes the schema and its tables. Does nothing if they are there.") { _connection, _schema };
        init.SetAction((parsed, cancellationToken) => GuardAsync(parsed, InitAsync, cancellationToken));
        var check = new Command("check", "Tells what is there, and looks whether lines can be kept as promised. Exit status 1: they cannot.") { _connection, _schema, _synced };
        check.SetAction((parsed, cancellationToken) => GuardAsync(parsed, CheckAsync, cancellationToken));
        return new Command("engine", "Makes and checks the tables of a store in PostgreSQL.") { init, check };
    }

    private async Task<int> GuardAsync(ParseResult parsed, Func<ParseResult, NpgsqlDataSource, CancellationToken, Task> command, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlDataSource source = EngineSchema.Connect(parsed.GetValue(_connection)!);
            await command(parsed, source, cancellationToken);
            return ExitStatus.Success;
        }
        catch (Exception e) when (e is StoreException or NpgsqlException or TimeoutException)
        {
            report(e is PostgresException refused ? $"PostgreSQL: {refused.MessageText}" : e.Message.ReplaceLineEndings(" "));
            return ExitStatus.Failure;
        }
    }

    private async Task InitAsync(ParseResult parsed, NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await EngineSchema.CreateAsync(source, parsed.GetValue(_schema)!, cancellationToken);
        await DescribeAsync(parsed, source, cancellationToken);
    }

    private async Task CheckAsync(ParseResult parsed, NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await DescribeAsync(parsed, source, cancellationToken);
        Durability durability = parsed.GetValue(_synced) ? Durability.Synced : Durability.Replicated;
        if (await EngineSchema.FindProblemAsync(source, durability, cancellationToken) is { } problem)
        {
            throw new StoreException(problem);
        }
    }

    private async Task DescribeAsync(ParseResult parsed, NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        foreach (string line in await EngineSchema.DescribeAsync(source, parsed.GetValue(_schema)!, cancellationToken))
        {
            await parsed.InvocationConfiguration.Output.WriteLineAsync(line);
        }
    }
}
