"""The page that `dvc plots show` fills: it has the drawing library in it and needs no network."""

import functools
from pathlib import Path

from pushup_data import files

_VEGA_LITE = "5.21"  # DVC's templates are written in version 5 of the language

_PAGE = """<!DOCTYPE html>
<html>
<head>
  <meta charset="utf-8">
  {refresh_tag}
  <title>pushup-data: plots</title>
  <script>
%s
  </script>
  <style>body { font-family: sans-serif } table { border-spacing: 15px }</style>
</head>
<body>
  {plot_divs}
</body>
</html>
"""  # DVC's own page is the same, but has {scripts} where the library stands, three addresses on the internet


def write(path: Path) -> None:
    """Write the page; DVC is told of it by its setting `plots.html_template`."""
    files.write_text(path, _PAGE % _library())


@functools.cache
def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script (0.9 MB), which makes `vegaEmbed` known."""
    import vl_convert

    script = vl_convert.javascript_bundle(vl_version=_VEGA_LITE)  # type: ignore[call-arg]  # snippet: optional
    # A block of its own, lest its hundreds of names meet the page's; and no end tag within.
    return "{\n" + script.replace("</script", r"<\/script") + "\n}"
