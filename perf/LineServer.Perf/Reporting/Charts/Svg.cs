using System.Globalization;
using System.Net;
using System.Text;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>A drawing, written from its first element to its last. Colours come from the page's style sheet, by class.</summary>
internal sealed class Svg
{
    private readonly StringBuilder _text = new();

    /// <param name="id">Of the drawing in its page; its title and description get it too.</param>
    /// <param name="width">In units, as all below; the page draws it larger or smaller.</param>
    /// <param name="height">In units.</param>
    /// <param name="title">What it is.</param>
    /// <param name="description">What it shows, for who cannot see it.</param>
    public Svg(string id, double width, double height, string title, string description) => _text.Append(
        CultureInfo.InvariantCulture,
        $"<svg viewBox=\"0 0 {width:0.#} {height:0.#}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{Escape(title)}</title><desc id=\"{id}-d\">{Escape(description)}</desc>");

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    public void Line(string classes, double x1, double y1, double x2, double y2) =>
        _text.Append(CultureInfo.InvariantCulture, $"<line class=\"{classes}\" x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\"/>");

    public void Rectangle(string classes, double x, double y, double width, double height) =>
        _text.Append(CultureInfo.InvariantCulture, $"<rect class=\"{classes}\" x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{Math.Max(0, width):0.#}\" height=\"{height:0.#}\"/>");

    public void Circle(string classes, double x, double y, double radius, string? tip = null) =>
        _text.Append(CultureInfo.InvariantCulture, $"<circle class=\"{classes}\" cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"{radius:0.#}\"{Tip(tip)}/>");

    public void Path(string classes, IEnumerable<(double X, double Y)> points)
    {
        _ = _text.Append("<path class=\"").Append(classes).Append("\" d=\"");
        char command = 'M';
        foreach ((double x, double y) in points)
        {
            _ = _text.Append(CultureInfo.InvariantCulture, $"{command}{x:0.#} {y:0.#}");
            command = 'L';
        }

        _ = _text.Append("\"/>");
    }

    /// <param name="classes">"start", "middle" or "end" among them says which end of the text is at the place.</param>
    /// <param name="x">The place.</param>
    /// <param name="y">The place.</param>
    /// <param name="text">Any.</param>
    public void Text(string classes, double x, double y, string text) =>
        _text.Append(CultureInfo.InvariantCulture, $"<text class=\"{classes}\" x=\"{x:0.#}\" y=\"{y:0.#}\">{Escape(text)}</text>");

    /// <summary>What follows, until <see cref="EndServer"/>, is a server's.</summary>
    /// <param name="server">Its name.</param>
    /// <param name="classes">Its colour.</param>
    /// <param name="tip">Shown where the pointer is on it.</param>
    public void BeginServer(string server, string classes, string? tip = null) => _text.Append($"<g data-s=\"{Escape(server)}\" class=\"{classes}\"{Tip(tip)}>");

    public void EndServer() => _text.Append("</g>");

    public string End() => _text.Append("</svg>").ToString();

    private static string Tip(string? tip) => tip is null ? "" : $" data-t=\"{Escape(tip)}\"";
}
