/**
 * Names of files that an attacker leaves behind, by purpose. A place should include none of them; the reviewer sees
 * those that it does include. The list is fixed: figures of different lists could not be compared.
 */
export const adversarialNames: Readonly<Record<string, readonly string[]>> = {
  'code of a web server': [
    'shell.php',
    'x1.php',
    'upload-1.phtml',
    'cmd.jsp',
    'a8f3c2d1.php',
    'page.aspx',
    'test.cgi',
    '20261126.php',
  ],
  'a script or program': [
    'run.sh',
    'job-1.sh',
    'a1b2c3.py',
    'tool.pl',
    'payload.elf',
    'implant.exe',
    'libx1.so',
    'module.ko',
    'stage2.bin.sh',
  ],
  'a hidden file': [
    '.htaccess',
    '.user.ini',
    '.bashrc',
    '.profile',
    '.x',
    '.cache1',
    '.ssh',
    '...',
  ],
  'a way in that lasts': [
    'authorized_keys',
    'id_rsa',
    'ld.so.preload',
    'rc.local',
    'evil.service',
    'evil.timer',
    '99-x.rules',
    'sudoers.d',
  ],
  'a program by its name': ['xmrig', 'kworker', 'sshd', 'nc', 'backdoor', 'a.out', 'ld-linux'],
  'a job by its name': ['root', 'www-data', 'daily', 'zz-update'],
  configuration: [
    'web.config',
    'settings.py',
    'my.cnf',
    'nginx.conf',
    'app.yaml',
    'config.json',
    '.env',
  ],
}

/** Of each kind those that the place takes. */
export function admittedNames(takes: (name: string) => boolean): readonly string[] {
  return Object.values(adversarialNames).flat().filter(takes)
}
