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
            case Way.Runs:
                while (true)
                {
                    int takenBefore = reader.LinesTaken;
                    if (reader.TryReadRun(1000, out ReadOnlySpan<byte> run))
                    {
                        // Not counted in the bytes: they may not be there to be read again.
                        length += run.Length - (reader.LinesTaken - takenBefore);
                    }
                    else if (reader.TryRead(out Line line))
                    {
                        length += line.Length;
                    }
                    else
                    {
                        break;
                    }
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
