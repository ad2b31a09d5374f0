namespace LineServer.Configuration;

/// <summary>The section <c>Retention</c> of a store: how long sealed segments are kept. Null is for ever.</summary>
internal sealed class RetentionSettings
{
    public TimeSpan? MaxAge { get; set; }

    public long? MaxBytes { get; set; }

    public IEnumerable<string> Validate()
    {
        if (MaxAge <= TimeSpan.Zero)
        {
            yield return $"{nameof(MaxAge)} must be positive, not {MaxAge}.";
        }

        if (MaxBytes < 0)
        {
            yield return $"{nameof(MaxBytes)} must not be negative: {MaxBytes}.";
        }
    }
}
