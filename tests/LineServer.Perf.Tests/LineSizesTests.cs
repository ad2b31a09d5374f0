using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

public class LineSizesTests
{
    [Fact]
    public void Mixed_sizes_are_a_cycle_with_both_ends_in_which_each_is_longer_by_the_same_factor()
    {
        var sizes = LineSizes.Mixed(8, 16 * 1024);
        int[] cycle = [.. Enumerable.Range(0, sizes.Count).Select(line => sizes.SizeOf(line))];
        int[] sorted = [.. cycle.Order()];
        Assert.Equal((8, 16 * 1024, 32), (sorted[0], sorted[^1], sorted.Length));
        double factor = Math.Pow(16 * 1024 / 8.0, 1.0 / 31);
        Assert.All(sorted.Zip(sorted.Skip(1)), pair => Assert.InRange(pair.Second / (double)pair.First, factor * 0.9, factor * 1.1));
        Assert.Equal(cycle, Enumerable.Range(sizes.Count, sizes.Count).Select(line => sizes.SizeOf(line)));
        Assert.Equal(cycle.Sum(), sizes.CycleSize);
    }

    [Theory]
    [InlineData(32, 0)]
    [InlineData(8, 100)]
    [InlineData(8, 9)]
    public void The_place_of_each_byte_is_known(int smallest, int largest)
    {
        LineSizes sizes = largest > 0 ? LineSizes.Mixed(smallest, largest) : LineSizes.Same(smallest);
        long offset = 0;
        for (int line = 0; line < 100; line++)
        {
            Assert.Equal(offset, sizes.StartOf(line));
            Assert.Equal(offset, sizes.RoundUp(offset));
            for (int i = 0; i < sizes.SizeOf(line); i++)
            {
                Assert.Equal(line, sizes.LineAt(offset + i));
                Assert.Equal(i == 0 ? offset : offset + sizes.SizeOf(line), sizes.RoundUp(offset + i));
            }

            offset += sizes.SizeOf(line);
        }
    }
}
