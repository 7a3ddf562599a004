"""Does the site do with a page what the repository cannot: do cells of tables say which column they are?"""

from docs import hooks

TABLE = (
    "<p>before</p>\n<table>\n<thead>\n<tr>\n"
    "<th>Name</th>\n<th></th>\n<th>Means <code>a</code> &amp; &quot;b&quot;</th>\n"
    "</tr>\n</thead>\n<tbody>\n"
    '<tr>\n<td>one</td>\n<td>x</td>\n<td style="text-align: right;">1</td>\n</tr>\n'
    "<tr>\n<td>two</td>\n<td></td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n<p>after</p>"
)


def test_each_cell_says_which_column_it_is() -> None:
    html = hooks.on_page_content(TABLE)
    assert html.count("<td") == 6
    assert html.count('<td data-label="Name">') == 2
    assert html.count('<td data-label="">') == 2
    assert '<td data-label="Means a &amp; &quot;b&quot;" style="text-align: right;">1</td>' in html
    assert '<td data-label="Means a &amp; &quot;b&quot;">2</td>' in html


def test_tables_of_code_and_text_without_tables_stay() -> None:
    code = '<table class="highlighttable"><tr><td class="linenos">1</td></tr></table>'
    assert hooks.on_page_content(code) == code
    assert (
        hooks.on_page_content("<p>(spec 1, 4.4) stays; so does this</p>") == "<p>(spec 1, 4.4) stays; so does this</p>"
    )
    assert hooks.on_page_content("<p>Never blocks (spec 3, 7.1).</p>") == "<p>Never blocks.</p>"
