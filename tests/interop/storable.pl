# Perl's own Storable, asked by tests/interop/test_storable.py, a line for a line.
#
#   storable.pl freeze   an expression of Perl that is a reference  ->  nfreeze and freeze of it, in hex
#   storable.pl thaw     something frozen, in hex                   ->  what came out, see told()
use strict;
use warnings;
no warnings 'recursion';
use B ();
use Hash::Util qw(lock_hash lock_keys);
use Scalar::Util qw(refaddr reftype weaken);
use Storable qw(freeze nfreeze thaw);

package Own {    # freezes itself
    sub STORABLE_freeze { my ($self) = @_; return @{ $self->{given} } }
    sub STORABLE_thaw { }
}

package Plus {
    use overload '+' => sub { 1 }, fallback => 1;
}

package main;

our @s;          # for expressions: what they share

sub own  { return bless { given => [@_] }, 'Own' }
sub text { my ($text) = @_; utf8::upgrade($text); return $text }    # with the UTF-8 flag

sub frozen {
    my ($line) = @_;
    local @s;
    no warnings;
    my $value = eval $line;
    die "$line: $@" unless ref $value;
    local $Storable::Deparse = 1;    # subroutines too
    return join ' ', map { unpack 'H*', $_ } nfreeze($value), freeze($value);
}

# undef: u; a number: i and its digits; a string: t (with the UTF-8 flag) or b, and its characters as UTF-8 in hex; an
# array: [...]; a hash: {...}, sorted; a reference to a scalar: \...; what was met before: & and the how-manieth it was.
sub told {
    my ($value, $seen) = @_;
    return 'u' unless defined $value;
    return scalar_told($value) unless ref $value;
    return "&$seen->{refaddr $value}" if exists $seen->{refaddr $value};
    $seen->{refaddr $value} = keys %$seen;
    return '[' . join(',', map { told($_, $seen) } @$value) . ']' if reftype $value eq 'ARRAY';
    return '\\' . told($$value, $seen) unless reftype $value eq 'HASH';
    my %by = map { utf8_hex($_) => $_ } keys %$value;
    return '{' . join(',', map { "$_:" . told($value->{ $by{$_} }, $seen) } sort keys %by) . '}';
}

sub scalar_told {
    my ($value) = @_;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return "i$value" if $flags & B::SVf_IOK && !($flags & B::SVf_POK);
    return (utf8::is_utf8($value) ? 't' : 'b') . utf8_hex($value);
}

sub utf8_hex { my ($text) = @_; utf8::encode($text); return unpack 'H*', $text }

my ($what) = @ARGV;
while (my $line = <STDIN>) {
    chomp $line;
    print $what eq 'freeze' ? frozen($line) : told(thaw(pack 'H*', $line), {}), "\n";
}
