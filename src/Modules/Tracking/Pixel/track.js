// TrackAi's pixel: GET /track.js. What is served is this file made small by Compactor.cs, and stays under 4096 bytes: without comments and white
// space, with short names for those that begin with a dollar. So statements end in a semicolon, there are no template literals, and names are used
// again in other functions: beyond fifty they need a second letter.
//
//   <script async src="https://track.example/track.js" data-tenant="loja-001"></script>
//
// On each page it keeps Meta's cookies, mints our click token, sends the click and the pageview, and puts the token into the links of checkouts.
// Nothing it does may break the page: what a browser forbids is done without.
(($window, $document, $location) => {
  const $script = $document.currentScript || $document.querySelector('script[src*="/track.js"]');
  const $before = $window.trackai || {};
  // Loaded twice: the first one goes on.
  if (!$script || $before.link) return;

  const $attempt = ($work) => {
    try {
      return $work();
    } catch ($work) {
      // Storage and cookies that are forbidden, a link that is no address: done without, as the page's own work must not stop for it.
    }
  };
  const $on = addEventListener;
  const $now = Date.now;
  const $source = new URL($script.src);
  // A tag manager may drop the attribute; the query it keeps.
  const $option = ($name) => $script.getAttribute('data-' + $name) || $source.searchParams.get($name);

  // True, false, or neither where the page does not say.
  let $consent = { true: true, false: false }[$option('consent')];
  let $waiting = [];
  let $token, $cookies, $domain, $index, $here, $timer;

  // --- what the browser remembers: in cookies, else in its storage, else on this page; only on this page for who declined ---

  let $store = $attempt(() => $window.localStorage) || {};

  const $write = ($name, $value, $age) => {
    $document.cookie = $name + '=' + $value + $domain + ';path=/;samesite=lax;max-age=' + $age + ($location.protocol > 'http:' ? ';secure' : '');
  };

  // The broadest domain that takes a cookie, so that the shop's other hosts see it; Meta's index is the number of its dots, 1 for example.com.
  // https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
  const $probe = () => {
    const $list = $location.hostname.split('.');
    for (let $count = 1; !$cookies && $list[$count - 1]; $count++) {
      $index = $count;
      $domain = $list[$count] ? ';domain=' + $list.slice(~$count).join('.') : '';
      $write('_tkp', 1, 9);
      $cookies = $document.cookie.includes('_tkp=1');
      $write('_tkp', 1, 0);
    }
  };

  const $read = ($name) => ($cookies ? ($document.cookie.match('(?:^|; )' + $name + '=([^;]+)') || [])[1] : $store[$name]) || '';

  // 90 days, as Meta's own.
  const $keep = ($name, $value) => $attempt(() => $cookies ? $write($name, $value, 7776e3) : $store[$name] = $value);

  const $forget = () => {
    for (const $name in $store) if (/^_(tka|fb[cp]$)/.test($name)) delete $store[$name];
    if ($cookies) for (const $name of ['_tka', '_fbc', '_fbp']) $write($name, 1, 0);
    $store = {};
    $cookies = 0;
  };

  const $random = ($list) => crypto.getRandomValues($list);

  // Our click token: 16 characters and one that checks them, weighted by position; as Contracts' ClickToken.
  const $mint = () => {
    const $letter = ($one) => String.fromCharCode($one + ($one < 10 ? 48 : $one < 36 ? 55 : 61));
    let $count = 0;
    let $value = 'tk1_';
    $random(new Uint16Array(16)).forEach(($one, $index) => {
      $value += $letter($one % 62);
      $count += ($index + 1) * ($one % 62);
    });
    return $value + $letter($count % 61);
  };

  // --- sending: kept until the host confirmed it; each visit has an id, so that one that is sent twice is stored once ---

  const $pending = {};

  const $url = ($item) => $source.origin + '/api/v1/track/' + $item[0] + '?t=' + ($option('tenant') || $option('t'));

  const $body = ($item) => {
    $item[1].age_ms = Math.max(0, $now() - $item[2]);
    return JSON.stringify($item[1]);
  };

  const $deliver = ($key, $item, $age) => {
    $pending[$key] = $item;
    fetch($url($item), { method: 'POST', body: $body($item), keepalive: true })
      .then(($one) => {
        // What is refused once is refused always, but for a flood and a host in trouble.
        if ($one.status == 429 || $one.status > 499) throw 0;
        delete $pending[$key];
        delete $store[$key];
      })
      .catch(() => setTimeout(() => $pending[$key] && $deliver($key, $item, $age * 2), $age));
  };

  const $send = ($name, $more) => {
    const $value = [...$random(new Uint8Array(16))].map(($one) => ($one + 256).toString(16).slice(1)).join('');
    const $key = '_tkaq' + $value;
    const $list = { visit_id: $value, click_id: $token, event_source_url: $location.href.slice(0, 4e3), consent: $consent, ...$more };
    if ($consent !== false) {
      $list.fbc = $read('_fbc');
      $list.fbp = $read('_fbp');
    }
    const $item = [$name, $list, $now()];
    // A buyer's address does not lie about in the browser.
    $attempt(() => $store[$key] = JSON.stringify($item, ($name, $value) => /^(email|phone|external_id)$/.test($name) ? void 0 : $value));
    $deliver($key, $item, 1e3);
  };

  // What an earlier page could not send; a week later it says nothing.
  const $resume = () => {
    for (const $key in $store)
      if (/^_tkaq/.test($key)) {
        const $item = JSON.parse($store[$key]);
        if ($now() - $item[2] > 6048e5) delete $store[$key];
        else $deliver($key, $item, 1e3);
      }
  };

  // --- the links of checkouts: the parameters that come back with the sale. A free one is taken; else the token is added to the last ---

  const $gateways = [
    [/(^|\.)hotmart\.com$/, 'xcod', 'sck'],
    [/(^|\.)kiwify\.(com|com\.br|app)$/, 's1', 's2', 's3'],
    [/(^|\.)perfectpay\.com\.br$/, 'src'],
    [/^(buy|book|donate)\.stripe\.com$/, 'client_reference_id'],
  ];
  const $pattern = /tk1_[A-Za-z0-9]{17}/;

  // UTMify packs several values into one with this mark between them.
  const $mark = 'hQwK21wXxR';

  const $decorate = ($href, $more) => {
    const $item = $attempt(() => new URL($href, $location));
    const $list = $item && $token && $gateways.find(($one) => $one[0].test($more || $item.hostname));
    if (!$list) return;
    // Ours, of an earlier click.
    if ($pattern.test($href)) return $href.replace($pattern, $token);
    const $get = ($one) => $item.searchParams.get($one);
    const $name = $list.slice(1).find(($one) => !$get($one)) || $list[$list.length - 1];
    const $one = $get($name);
    // Stripe drops what has more than letters, digits, - and _, or 200 of them.
    const $count = $list == $gateways[3];
    const $value = ($one ? $one + ($one.includes($mark) ? $mark : $count ? '_' : '|') : '') + $token;
    if ($count && $value[200]) return $href;
    $item.search = [
      ...$item.search.slice(1).split('&').filter(($one) => $one && $one.split('=')[0] != $name),
      $name + '=' + encodeURIComponent($value),
    ].join('&');
    return $item.href;
  };

  const $touch = ($item) => {
    const $href = $decorate($item.href, $item.dataset.trackai);
    if ($href && $href != $item.href) $item.href = $href;
    return $href;
  };

  const $scan = () => {
    $timer = 0;
    $document.querySelectorAll('a[href]').forEach($touch);
  };

  // The last word before the browser leaves: another script may have rewritten the link since.
  const $begun = {};
  const $press = ($one) => {
    const $item = $one.composedPath().find(($one) => $one.tagName == 'A');
    const $href = $item && $touch($item);
    if (!$href || $one.type == 'mousedown' || $begun[$href]) return;
    $begun[$href] = 1;
    $send('initiate_checkout');
  };

  // --- a page, also one of a single-page application ---

  const $arrive = ($fresh) => {
    const $list = {};
    let $count = 0;
    for (const $name of 'fbclid,utm_source,utm_medium,utm_campaign,utm_content,utm_term,src,sck,xcod'.split(',')) {
      const $value = (new URLSearchParams($location.search).get($name) || '').slice(0, 1e3);
      if ($value && ($name != 'fbclid' || $consent !== false && /^[\w-]+$/.test($value))) {
        $list[$name] = $value;
        for (const $one of $value) $count = $count * 31 + $one.charCodeAt() | 0;
      }
    }
    // The same link opened again is the same click.
    const [$value, $one] = $read('_tka').split('.');
    $fresh = $fresh || !$one || $count && $one != $count;
    $token = $fresh ? $mint() : $value;
    if ($fresh) $keep('_tka', $token + '.' + $count);

    if ($consent !== false) {
      const $name = 'fb.' + $index + '.' + $now() + '.';
      if ($list.fbclid && $read('_fbc').split('.')[3] != $list.fbclid) $keep('_fbc', $name + $list.fbclid);
      if (!$read('_fbp')) $keep('_fbp', $name + $random(new Uint32Array(1)));
    }
    if ($fresh) $send('click', $list);
    $send('pageview', $list);
    $scan();
  };

  const $navigate = () => {
    const $href = $location.href.split('#')[0];
    if (!$waiting && $href != $here) {
      $here = $href;
      $arrive();
    }
  };

  const $start = () => {
    const $list = $waiting;
    $waiting = 0;
    $attempt($probe);
    if ($consent === false) $forget();
    $attempt($resume);
    $navigate();
    for (const $one of $list) $run(...$one);
  };

  // --- what a page may say: trackai('consent', true), trackai('initiate_checkout', {email: …}) ---

  const $run = ($name, $more) => {
    if ($name == 'consent') {
      const $fresh = $consent === false;
      $consent = !!$more;
      if ($waiting) $start();
      else {
        if (!$consent) $forget();
        $consent && $fresh ? $arrive(1) : $send('pageview');
      }
    } else if ($waiting) $waiting.push([$name, $more]);
    else $send($name, $more);
  };
  $window.trackai = $run;
  $run.link = ($href, $more) => $decorate($href, $more) || $href;

  for (const $name of ['pushState', 'replaceState']) {
    const $one = history[$name];
    history[$name] = (...$list) => {
      $one.apply(history, $list);
      $attempt($navigate);
    };
  }
  $on('popstate', $navigate);
  $on('online', () => {
    for (const $key in $pending) $deliver($key, $pending[$key], 1e3);
  });
  $on('pagehide', () => {
    for (const $key in $pending) navigator.sendBeacon($url($pending[$key]), $body($pending[$key]));
  });
  for (const $name of ['mousedown', 'click', 'auxclick']) $on($name, $press, true);
  // Links that come later, a tenth of a second at a time.
  new MutationObserver(() => ($timer = $timer || setTimeout($scan, 99))).observe($document, { childList: true, subtree: true });

  for (const $one of $before.q || []) $run(...$one);
  if ($waiting && $option('consent') != 'wait')
    // A page that the browser only prepares is not seen yet.
    $document.prerendering ? $document.onprerenderingchange = $start : $start();
})(window, document, location);
