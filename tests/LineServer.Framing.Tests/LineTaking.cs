namespace LineServer.Framing.Tests;

/// <summary>Takes all lines of a read, in the way wanted, and adds up their lengths.</summary>
internal static class LineTaking
{
    public static long All(LineReader reader, Way way)
    {
        long length = 0;
        switch (way)
        {
            case Way.Foreach:
                foreach (Line line in reader)
                {
                    length += line.Length;
                }

                break;
            case Way.TryRead:
                while (reader.TryRead(out Line line))
                {
                    length += line.Length;
                }

                break;
            default:
                Adder adder = default;
                reader.ReadLines(ref adder);
                length = adder.Length;
                break;
        }

        return length;
    }

    private struct Adder : ILineVisitor
    {
        public long Length { get; private set; }

        public bool OnLine(scoped Line line)
        {
            Length += line.Length;
            return true;
        }
    }
}
