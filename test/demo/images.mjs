/** The image of the example stacks: busybox, a few shell scripts, and glibc's own resolver. */
import { execFileSync } from 'node:child_process';
import { loadImage } from '../support/machine.mjs';

export const demoImage = 'shoal-demo:1';

/** What `stacks/` runs, by path inside the image. */
const scripts = {
  // One page that says who answers; below /admin/ with the password from the secret.
  'bin/serve': `#!/bin/sh
mkdir -p /tmp/www/admin
echo "$(cat /etc/greeting.txt) ($(hostname))" > /tmp/www/index.html
echo "You may come in. ($(hostname))" > /tmp/www/admin/index.html
echo "/admin:admin:$(cat /run/secrets/admin_password)" > /tmp/httpd.conf
exec httpd -f -p 80 -h /tmp/www -c /tmp/httpd.conf
`,
  // Makes a job every two seconds and hands one out to whoever asks.
  'bin/queue': `#!/bin/sh
mkdir -p /tmp/jobs /tmp/www/cgi-bin
printf '#!/bin/sh\\necho "Content-Type: text/plain"; echo\\nfor job in /tmp/jobs/*; do mv "$job" "/tmp/taken.$$" 2>/dev/null && cat "/tmp/taken.$$" && rm "/tmp/taken.$$" && exit; done\\n' > /tmp/www/cgi-bin/take
chmod +x /tmp/www/cgi-bin/take
httpd -p 80 -h /tmp/www
trap 'exit 0' TERM
number=0
while true; do
  number=$((number + 1)); echo "job $number" > /tmp/jobs/$number; echo "queued job $number"
  sleep 2 & wait $!
done
`,
  // Asks the queue by its name.
  'bin/worker': `#!/bin/sh
trap 'exit 0' TERM
while true; do
  address=$(getent ahostsv4 "$1" | { read -r first rest; echo "$first"; })
  [ -n "$address" ] && job=$(wget -q -O - "http://$address/cgi-bin/take") && [ -n "$job" ] && echo "$NODE did $job"
  sleep 1 & wait $!
done
`,
  'bin/watch-host': `#!/bin/sh
trap 'exit 0' TERM
while true; do echo "load $(cat /host/loadavg)"; sleep 10 & wait $!; done
`,
};

/** Builds and loads it; no registry is asked. @param {string} socket */
export function loadDemoImage(socket) {
  loadImage(socket, demoImage, { command: ['/bin/serve'], files: scripts, copies: ['/usr/bin/getent', ...librariesOf('/usr/bin/getent')] });
}

/** The static busybox cannot resolve names, so glibc's getent comes along with what it links to. @param {string} program */
function librariesOf(program) {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...text.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}
