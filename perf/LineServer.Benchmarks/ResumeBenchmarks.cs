using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;

namespace LineServer.Benchmarks;

/// <summary>
/// Ways for code to come back to the thread of its loop after an await: docs/decisions/0008. The benchmark's thread is the
/// loop; figures are for one await of an async method that does nothing else.
/// </summary>
[Config(typeof(ShortIterations))]
[MemoryDiagnoser]
public class ResumeBenchmarks
{
    private const int Awaits = 1000;

    private readonly Loop _loop = new();
    private readonly LoopScheduler _scheduler;

    public ResumeBenchmarks() => _scheduler = new LoopScheduler(_loop);

    /// <summary>Any await resumes on the loop.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Awaits)]
    public void LoopSynchronizationContext()
    {
        SynchronizationContext? former = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_loop);
        _loop.RunUntil(YieldAsync());
        SynchronizationContext.SetSynchronizationContext(former);
    }

    /// <summary>Any await resumes on the loop.</summary>
    [Benchmark(OperationsPerInvoke = Awaits)]
    public void LoopTaskScheduler() =>
        _loop.RunUntil(Task.Factory.StartNew(YieldAsync, CancellationToken.None, TaskCreationOptions.None, _scheduler).Unwrap());

    /// <summary>Only code that awaits something of ours resumes on the loop.</summary>
    [Benchmark(OperationsPerInvoke = Awaits)]
    public void CustomAwaitable() => _loop.RunUntil(ResumeAsync());

    /// <summary>Code resumes on the thread pool, and then asks to go back.</summary>
    [Benchmark(OperationsPerInvoke = Awaits)]
    public void ThreadPoolAndBack() => _loop.RunUntil(GoAndComeBackAsync());

    private static async Task YieldAsync()
    {
        for (int i = 0; i < Awaits; i++)
        {
            await Task.Yield();
        }
    }

    private async Task ResumeAsync()
    {
        for (int i = 0; i < Awaits; i++)
        {
            await new Resume(_loop);
        }
    }

    private async Task GoAndComeBackAsync()
    {
        for (int i = 0; i < Awaits; i++)
        {
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            await new Resume(_loop);
        }
    }

    private readonly struct Resume(Loop loop) : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public Resume GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

        public void UnsafeOnCompleted(Action continuation) => loop.Add(static run => ((Action)run!)(), continuation);
    }

    /// <summary>A queue that the loop's thread empties. It spins while the queue is empty: waking it is not measured.</summary>
    private sealed class Loop : SynchronizationContext
    {
        private readonly ConcurrentQueue<(SendOrPostCallback Run, object? State)> _queue = new();

        public void Add(SendOrPostCallback run, object? state) => _queue.Enqueue((run, state));

        public override void Post(SendOrPostCallback d, object? state) => Add(d, state);

        public void RunUntil(Task task)
        {
            var spin = new SpinWait();
            while (!task.IsCompleted)
            {
                if (_queue.TryDequeue(out (SendOrPostCallback Run, object? State) item))
                {
                    item.Run(item.State);
                }
                else
                {
                    spin.SpinOnce(sleep1Threshold: -1);
                }
            }
        }
    }

    private sealed class LoopScheduler(Loop loop) : TaskScheduler
    {
        public override int MaximumConcurrencyLevel => 1;

        protected override void QueueTask(Task task) => loop.Add(state => TryExecuteTask((Task)state!), task);

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}
