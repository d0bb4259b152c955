// SPDX-License-Identifier: MPL-2.0
// Applies the chosen theme before the page is painted. It is no module, because modules run later.
try {
  const theme = localStorage.getItem('hvprovd-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* storage is blocked: the theme is that of the system */ }
