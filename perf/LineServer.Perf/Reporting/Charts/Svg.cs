using System.Globalization;
using System.Net;
using System.Text;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>
/// Writes a drawing from its first element to its last. Colours come from the page's style sheet, by class.
/// </summary>
internal sealed class Svg
{
    private readonly StringBuilder _text = new();

    /// <param name="id">
    /// The drawing's id in the page, and the stem of the ids of its title and description.
    /// </param>
    /// <param name="width">The width in units of the drawing; the page scales it.</param>
    /// <param name="height">The height in the same units.</param>
    /// <param name="title">The title.</param>
    /// <param name="description">A description for readers who cannot see the drawing.</param>
    public Svg(string id, double width, double height, string title, string description) => _text.Append(
        CultureInfo.InvariantCulture,
        $"<svg viewBox=\"0 0 {width:0.#} {height:0.#}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{Escape(title)}</title><desc id=\"{id}-d\">{Escape(description)}</desc>");

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    public void Line(string classes, double x1, double y1, double x2, double y2) =>
        _text.Append(
            CultureInfo.InvariantCulture,
            $"<line class=\"{classes}\" x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\"/>");

    public void Rectangle(string classes, double x, double y, double width, double height) =>
        _text.Append(
            CultureInfo.InvariantCulture,
            $"<rect class=\"{classes}\" x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{Math.Max(0, width):0.#}\" height=\"{height:0.#}\"/>");

    public void Circle(string classes, double x, double y, double radius, string? tip = null) =>
        _text.Append(
            CultureInfo.InvariantCulture,
            $"<circle class=\"{classes}\" cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"{radius:0.#}\"{Tip(tip)}/>");

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

    /// <param name="classes">
    /// The style classes; "start", "middle" or "end" says which part of the text is at the place.
    /// </param>
    /// <param name="x">The horizontal place.</param>
    /// <param name="y">The vertical place.</param>
    /// <param name="text">The text.</param>
    public void Text(string classes, double x, double y, string text) =>
        _text.Append(
            CultureInfo.InvariantCulture,
            $"<text class=\"{classes}\" x=\"{x:0.#}\" y=\"{y:0.#}\">{Escape(text)}</text>");

    /// <summary>Begins the elements of a server, which end with <see cref="EndServer"/>.</summary>
    /// <param name="server">The server's name.</param>
    /// <param name="classes">The style classes of its colour.</param>
    /// <param name="tip">The tooltip of these elements.</param>
    public void BeginServer(string server, string classes, string? tip = null) =>
        _text.Append($"<g data-s=\"{Escape(server)}\" class=\"{classes}\"{Tip(tip)}>");

    public void EndServer() => _text.Append("</g>");

    public string End() => _text.Append("</svg>").ToString();

    private static string Tip(string? tip) => tip is null ? "" : $" data-t=\"{Escape(tip)}\"";
}
