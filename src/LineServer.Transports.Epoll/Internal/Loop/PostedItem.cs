using System.Runtime.CompilerServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Code posted to a loop.</summary>
/// <param name="Source">Whose code it is. If it throws, this source ends.</param>
/// <param name="Work">An <see cref="IThreadPoolWorkItem"/>, or with a context a <see cref="SendOrPostCallback"/>.</param>
/// <param name="State">The callback's argument.</param>
/// <param name="Context">The context of the callback.</param>
internal readonly record struct PostedItem(IEventSource Source, object Work, object? State = null, LoopContext? Context = null)
{
    public void Run()
    {
        if (Context is null)
        {
            Unsafe.As<IThreadPoolWorkItem>(Work).Execute(); // a checked cast costs more than all of this
            return;
        }

        Context.Run(Unsafe.As<SendOrPostCallback>(Work), State);
    }
}
