using System.Text;

namespace LineServer.Client.Tests;

public class TerminalTextTests
{
    [Fact]
    public void Escapes_do_not_depend_on_where_the_bytes_are_cut()
    {
        byte[] bytes =
        [
            .. Encoding.UTF8.GetBytes("a\u001b[2J\té€😀\r\nb\rc\u202e\n"),
            0xFF,
            0xC3,
            (byte)'\n',
            0xE2,
            0x82,
        ];
        const string Expected = "a\\x1B[2J\té€😀\r\nb\\x0Dc\\xE2\\x80\\xAE\n\\xFF\\xC3\n\\xE2\\x82";
        for (int first = 0; first <= bytes.Length; first++)
        {
            for (int second = first; second <= bytes.Length; second++)
            {
                var text = new TerminalText();
                byte[] all =
                [
                    .. text.Of(bytes.AsSpan(..first)),
                    .. text.Of(bytes.AsSpan(first..second)),
                    .. text.Of(bytes.AsSpan(second..)),
                    .. text.End(),
                ];

                Assert.Equal(Expected, Encoding.UTF8.GetString(all));
            }
        }
    }
}
