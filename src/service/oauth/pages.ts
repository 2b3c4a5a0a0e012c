// The two pages of a log-in: one asks who it is, the other shows the code to copy.

import { RawAnswer } from '../route.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:4rem auto;padding:0 1rem;color:#222}
label{display:block;margin:1rem 0 .2rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.4rem}
button{margin-top:1.5rem;font:inherit;padding:.4rem 1.2rem}code{font-size:1.1rem;word-break:break-all}
.wrong{color:#a00}`;

/** `parameters`: of the program's request; they come back with the form. */
export function loginPage(parameters: Readonly<Record<string, string | undefined>>, wrong?: string): RawAnswer {
  const hidden = Object.entries(parameters).flatMap(([name, value]) => value === undefined ? []
    : [`<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`]).join('');
  return page(wrong === undefined ? 200 : 401, 'Log in', `
    <p>A program asks to use this service for you.</p>
    ${wrong === undefined ? '' : `<p class="wrong">${escaped(wrong)}</p>`}
    <form method="post">${hidden}
    <label for="username">Name</label>
    <input id="username" name="login_username" autocomplete="username" required autofocus>
    <label for="token">Token</label>
    <input id="token" name="login_token" type="password" autocomplete="current-password" required>
    <button>Allow</button></form>`);
}

export function codePage(code: string): RawAnswer {
  return page(200, 'Your code', `<p>Copy this code to the program that asked for it. It is good for ten minutes and for
    one use.</p><p><code>${escaped(code)}</code></p>`);
}

export function problemPage(status: number, text: string): RawAnswer {
  return page(status, 'That did not work', `<p class="wrong">${escaped(text)}</p>`);
}

function page(status: number, title: string, body: string): RawAnswer {
  return new RawAnswer(status, {
    'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
  }, `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} – Switchyard</title><style>${STYLE}</style>
    <h1>${title}</h1>${body}</html>`);
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
