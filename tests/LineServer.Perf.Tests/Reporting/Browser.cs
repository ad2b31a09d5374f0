using System.Diagnostics;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>Shows a page in a real browser: Debian's chromium, without a window.</summary>
internal static class Browser
{
    /// <summary>The page after its scripts have run, and its messages on the console.</summary>
    public static async Task<(string Dom, string Console)> OpenAsync(string page)
    {
        (string output, string notes) = await RunAsync("--dump-dom", page);
        return (output, string.Join('\n', notes.Split('\n').Where(line => line.Contains("CONSOLE", StringComparison.Ordinal))));
    }

    public static async Task<Picture> PhotographAsync(string page, int width, int height)
    {
        // chromium derives the format of the picture from the file's name.
        string folder = Directory.CreateTempSubdirectory().FullName, file = Path.Combine(folder, "page.png");
        try
        {
            (_, string notes) = await RunAsync($"--window-size={width},{height}", $"--screenshot={file}", page);
            return File.Exists(file) ? Picture.Decode(await File.ReadAllBytesAsync(file)) : throw new InvalidOperationException($"no picture was taken: {notes}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<(string Output, string Notes)> RunAsync(params string[] args)
    {
        string profile = Directory.CreateTempSubdirectory().FullName;
        try
        {
            // timeout(1) ends it if it hangs. There is no sandbox, because root has none; the page is our own.
            using Process process = Process.Start(new ProcessStartInfo(
                "timeout",
                ["100", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--enable-logging=stderr", "--v=0", $"--user-data-dir={profile}", "--virtual-time-budget=2000", .. args])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> notes = process.StandardError.ReadToEndAsync();
            string output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? (output, await notes) : throw new InvalidOperationException($"chromium ended with status {process.ExitCode}: {await notes}");
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }
    }
}
