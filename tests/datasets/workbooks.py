"""Small Excel workbooks, written by hand."""

from collections.abc import Sequence
from io import BytesIO
from xml.sax.saxutils import escape
from zipfile import ZipFile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(sheet: str, rows: Sequence[Sequence[str | float | None]]) -> bytes:
    """Return a workbook of one sheet: text shared, numbers as they are, None left out."""
    shared = sorted({cell for row in rows for cell in row if isinstance(cell, str)})
    body = "".join(
        f'<row r="{i}">{"".join(_cell(i, j, cell, shared) for j, cell in enumerate(row))}</row>' for i, row in enumerate(rows, 1)
    )
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets><sheet name="Empty" sheetId="1" r:id="rId1"/>'
        f'<sheet name="{sheet}" sheetId="2" r:id="rId2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
        '<Relationship Id="rId2" Target="/xl/worksheets/sheet2.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(_text(text) for text in shared)}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>',
        "xl/worksheets/sheet2.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>',
    }
    out = BytesIO()
    with ZipFile(out, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return out.getvalue()


def _text(text: str) -> str:
    """Return a shared text in two runs, as Excel writes what is half bold."""
    return f"<si><r><t>{escape(text[:1])}</t></r><r><t>{escape(text[1:])}</t></r></si>"


def _cell(row: int, column: int, value: str | float | None, shared: list[str]) -> str:
    if value is None:
        return ""
    at = f"{chr(ord('A') + column)}{row}"
    return f'<c r="{at}" t="s"><v>{shared.index(value)}</v></c>' if isinstance(value, str) else f'<c r="{at}"><v>{value!r}</v></c>'
