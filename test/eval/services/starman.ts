import { expectStatus, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const psgi = `use strict;
use File::Temp;
use File::Copy qw(move);
my $data = '/var/lib/wiki';
sub {
  my ($env) = @_;
  my ($name) = $env->{PATH_INFO} =~ m{([\\w.-]+)$};
  return [404, [], ['no name']] unless defined $name;
  my $file = "$data/pages/$name.wiki";
  if ($env->{REQUEST_METHOD} eq 'POST') {
    my $draft = File::Temp->new(DIR => "$data/drafts", UNLINK => 0);
    local $/; my $input = $env->{'psgi.input'};
    $input->read(my $body, $env->{CONTENT_LENGTH} || 0);
    print $draft $body; close $draft;
    move($draft->filename, $file);
    open(my $log, '>>', "$data/changes.log"); print $log "$name\\n"; close $log;
    return [200, [], ['saved']];
  }
  if ($env->{REQUEST_METHOD} eq 'DELETE') { unlink $file; return [200, [], ['gone']] }
  open(my $page, '<', $file) or return [404, [], ['no page']];
  local $/; my $text = <$page>;
  return [200, ['Content-Type' => 'text/plain'], [$text]];
};
`

/** A wiki, in Perl; pages are files that are written beside and moved. */
export const starman: Service = {
  name: 'starman',
  kind: 'app',
  packages: ['starman'],
  uses: ['perl'],
  files: { '/srv/wiki/app.psgi': psgi },
  build: ['install -d -o www-data /var/lib/wiki /var/lib/wiki/pages /var/lib/wiki/drafts'],
  user: 'www-data',
  start: 'exec /usr/bin/starman --workers 2 --listen 0.0.0.0:5000 /srv/wiki/app.psgi',
  port: 5000,
  data: '/var/lib/wiki/pages',
  load: {
    A: async (at) => {
      for (let i = 0; i < 4; i++) {
        const path = `/${user('A')}-${stem('A')}`
        await expectStatus(200, at, path, { method: 'POST', body: prose('A'), port: 5000 })
        await expectStatus(200, at, path, { port: 5000 })
      }
    },
    B: async (at) => {
      for (let i = 0; i < 6; i++) {
        const path = `/${stem('B')}`
        await expectStatus(200, at, path, { method: 'POST', body: bytes('B'), port: 5000 })
        await expectStatus(200, at, path, { port: 5000 })
        if (i % 3 === 0) await expectStatus(200, at, path, { method: 'DELETE', port: 5000 })
      }
      await expectStatus(404, at, `/${stem('B')}-missing`, { port: 5000 })
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
