# An entity in Perl that speaks room-entity/1 in frames mode: a list of things to do.
#
#     room.exe create --entity "command?mode=frames:perl $PWD/docs/entities/list.pl"
#
# add THING, done NUMBER, list
use strict;
use warnings;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->utf8->canonical;
my @things;

sub frame { print $json->encode({@_}), "\n" }

sub answer {
    my ($text) = @_;
    if ($text =~ /^add\s+(.+)/s) {
        push @things, $1;
        return "added as " . @things;
    }
    if ($text =~ /^done\s+(\d+)/ and $1 >= 1 and $1 <= @things) {
        return "done: " . splice(@things, $1 - 1, 1);
    }
    return "nothing to do" unless @things;
    return join "\n", map { ($_ + 1) . ". $things[$_]" } 0 .. $#things;
}

while (my $line = <STDIN>) {
    my $frame = $json->decode($line);
    my $type = $frame->{type};
    if ($type eq 'init') {
        @things = @{ $frame->{state}{things} // [] };
        frame(type => 'ready', v => 1, name => 'list', version => '1', interrupt => 'frame');
    }
    elsif ($type eq 'input') {
        my $before = "@things";
        frame(type => 'output', text => answer($frame->{text}));
        frame(type => 'state', set => { things => \@things }) if "@things" ne $before;
        frame(type => 'done', seq => $frame->{seq});
    }
    elsif ($type eq 'shutdown') {
        last;
    }
}
