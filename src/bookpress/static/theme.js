// The arrows that unfold a chapter in the sidebar have no name in the theme: give each the name of its chapter.
for (const summary of document.querySelectorAll(".bd-sidebar summary")) {
  summary.setAttribute("aria-label", summary.closest("li").querySelector("a").textContent.trim());
}

// An entry of a bibliography stands in a list, but has a role that no list may hold.
for (const entry of document.querySelectorAll(".citation-list > [role=doc-biblioentry]")) {
  entry.setAttribute("role", "listitem");
}

// A table that scrolls sideways can be reached and scrolled with the keyboard.
const tables = document.querySelectorAll(".pst-scrollable-table-container");
const reach = () => tables.forEach(table => { table.tabIndex = table.scrollWidth > table.clientWidth ? 0 : -1; });
addEventListener("resize", reach);
reach();

// A page in a folder may not read the other pages, so a search lists titles there, without an extract of each page.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY &&= location.protocol !== "file:";
