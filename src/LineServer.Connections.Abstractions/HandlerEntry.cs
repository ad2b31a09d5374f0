namespace LineServer.Connections;

/// <summary>What was before the code of a handler began to run.</summary>
/// <param name="Former">The context of the thread.</param>
/// <param name="Execution">The execution context of the thread, with its asynchronous locals.</param>
/// <param name="Token">The transport's: which run of a handler's code it is; 0 where the loop cannot be taken over.</param>
public readonly record struct HandlerEntry(SynchronizationContext? Former, ExecutionContext? Execution, long Token);
