package Interop;

# What the scripts share: a request as a line of JSON on standard input, the answer as JSON on standard output.

use strict;
use warnings;
use JSON::PP ();
use TheSchwartz;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub request { $json->decode( scalar <STDIN> ) }

sub answer { print $json->encode( $_[0] ), "\n" }

sub to_json { $json->encode( $_[0] ) }

sub client { TheSchwartz->new( databases => $_[0]{databases}, %{ $_[0]{options} || {} } ) }

# {funcname, arg | json | hex, run_after, ...}. `json`: a program that writes JSON text; `hex`: one that has bytes.
sub job {
    my %given = %{ $_[0] };
    $given{arg} = to_json( delete $given{json} )  if exists $given{json};
    $given{arg} = pack 'H*', delete $given{'hex'} if exists $given{'hex'};
    return TheSchwartz::Job->new(%given);
}

1;
