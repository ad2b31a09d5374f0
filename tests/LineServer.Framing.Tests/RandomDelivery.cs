namespace LineServer.Framing.Tests;

internal static class RandomDelivery
{
    public static Delivery Of(Random random, int length) => new()
    {
        Way = (Way)random.Next(4),
        Reads = Places(random, length),
        Cuts = Places(random, length),
        Batch = random.Next(3) == 0 ? 1 + random.Next(10) : int.MaxValue,
        EndsReadEarly = random.Next(4) == 0,
        EndComesApart = random.Next(2) == 0,
    };

    /// <summary>Places in a stream, in order; now and then one of them several times.</summary>
    private static int[] Places(Random random, int length)
    {
        int[] places = new int[random.Next(2) == 0 ? random.Next(4) : random.Next(20)];
        for (int i = 0; i < places.Length; i++)
        {
            places[i] = i > 0 && random.Next(5) == 0 ? places[i - 1] : random.Next(length + 1);
        }

        Array.Sort(places);
        return places;
    }
}
